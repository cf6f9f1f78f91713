process TWICE {
    input:
    val x

    output:
    stdout

    script:
    "printf %s $x$x"
}
