process FORGETS {
    output:
    path 'promised.txt'

    script:
    "echo other > other.txt"
}

workflow {
    FORGETS()
}
