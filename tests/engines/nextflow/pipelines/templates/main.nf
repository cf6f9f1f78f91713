process FILL {
    input:
    val word

    output:
    path 'out.txt'

    script:
    template 'fill.sh'
}

process FILL_PYTHON {
    input:
    path text

    output:
    stdout

    script:
    template 'read.py'
}

workflow {
    FILL(channel.of('one', 'two'))
    FILL_PYTHON(FILL.out).view { text -> text.trim() }
}
