process SOME {
    tag "$x"
    errorStrategy 'finish'

    input:
    val x

    output:
    path 'out.txt'

    script:
    "echo $x > out.txt; [ $x != 1 ] || exit 4; sleep 1"
}

workflow {
    SOME(channel.of(1, 2))
}
