process FLAGS {
    output:
    stdout

    script:
    'echo flags $-; shopt -o pipefail'
}

process STRICT {
    errorStrategy 'ignore'

    output:
    path 'out.txt'

    script:
    'echo x > out.txt; false | cat >> out.txt; echo never'
}

workflow {
    FLAGS().view()
    STRICT()
}
