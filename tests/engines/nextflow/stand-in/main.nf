process INSIDE {
    container 'image'
    shell '/bin/sh', '-eu'
    errorStrategy 'retry'
    containerOptions { task.attempt > 1 ? '--memory-swap 2g' : '' }

    output:
    path 'out.txt'

    script:
    """
    sort $projectDir/undeclared.txt > out.txt
    [ $task.attempt -gt 1 ]
    """
}

process OUTSIDE {
    beforeScript { 'export BEFORE=before' }

    output:
    stdout

    script:
    'echo $BEFORE'
}

workflow {
    INSIDE()
    OUTSIDE().view()
}
