process OWN {
    shell '/bin/bash', '-e', '-o', 'pipefail'

    output:
    stdout

    script:
    'echo flags $- ${undefined}none; set +o | grep pipefail'
}

process PLAIN {
    output:
    stdout

    script:
    'echo flags $-'
}

workflow {
    OWN().view()
    PLAIN().view()
}
