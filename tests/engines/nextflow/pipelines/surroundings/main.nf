process SHOW {
    beforeScript 'export BEFORE=before; export PATH="$PATH:/nowhere"'
    afterScript 'echo after > after.txt'

    output:
    stdout

    script:
    'echo $MINE $BEFORE ${PATH##*:} $AGAIN'
}

workflow {
    SHOW().view()
}
