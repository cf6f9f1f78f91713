process AWAY {
    scratch true

    input:
    path text

    output:
    path 'out.txt'

    script:
    "sort $text > out.txt; echo left > behind.txt"
}

process INPLACE {
    scratch false
    publishDir 'results', mode: 'copy'

    input:
    path text

    output:
    path 'final.txt'

    script:
    "tac $text > final.txt"
}

workflow {
    INPLACE(AWAY(channel.fromPath("$projectDir/in.txt")))
}
