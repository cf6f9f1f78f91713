process GOOD {
    output:
    path 'good.txt'

    script:
    "echo good > good.txt"
}

process BAD {
    input:
    path good

    output:
    path 'never.txt'

    script:
    "cat $good; echo broken >&2; exit 5"
}

workflow {
    BAD(GOOD())
}
