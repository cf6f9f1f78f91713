process FLAKY {
    errorStrategy { task.exitStatus == 3 ? 'retry' : 'terminate' }
    maxRetries 2
    memory { 8.MB * task.attempt }

    output:
    path 'out.txt'

    publishDir 'results', mode: 'copy'

    script:
    """
    echo attempt $task.attempt
    echo $task.attempt > out.txt
    [ $task.attempt -gt 1 ] || exit 3
    """
}

workflow {
    FLAKY()
}
