process COMPUTE {
    input:
    val x

    output:
    val y

    exec:
    y = x * x
}

process WRITE {
    publishDir 'results', mode: 'copy'

    input:
    val numbers

    output:
    path 'numbers.txt'

    exec:
    task.workDir.resolve('numbers.txt').text = numbers.join('\n') + '\n'
}

process READ {
    input:
    path file

    output:
    stdout

    script:
    "cat $file"
}

workflow {
    READ(WRITE(COMPUTE(channel.of(1, 2, 3)).collect(sort: true))).view()
}
