process MAYBE {
    tag "$x"
    errorStrategy 'ignore'

    input:
    val x

    output:
    path 'out.txt'

    script:
    "[ $x != b ] || exit 7; echo $x > out.txt"
}

workflow {
    MAYBE(channel.of('a', 'b', 'c')).view { file -> file.text.trim() }
}
