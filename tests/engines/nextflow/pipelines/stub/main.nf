process HEAVY {
    publishDir 'results', mode: 'copy'

    output:
    path 'out.txt'

    script:
    "exit 9"

    stub:
    "touch out.txt"
}

workflow {
    HEAVY()
}
