process COPY {
    stageInMode 'copy'
    publishDir 'results', mode: 'copy'

    input:
    path 'renamed.txt'

    output:
    path 'out.txt'

    script:
    "echo more >> renamed.txt; cp renamed.txt out.txt"
}

process HARD {
    stageInMode 'rellink'

    input:
    path text

    output:
    stdout

    script:
    "cat $text"
}

workflow {
    HARD(COPY(channel.fromPath("$projectDir/in.txt"))).view()
}
