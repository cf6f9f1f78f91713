process UPPER {
    input:
    stdin

    output:
    stdout

    script:
    "tr a-z A-Z"
}

workflow {
    UPPER(channel.of('first\n', 'second\n')).view { text -> text.trim() }
}
