process TALK {
    input:
    val x

    output:
    path 'out.txt'
    tuple val(x), eval('echo 1.0'), topic: versions

    script:
    "echo $x > out.txt"
}

workflow {
    TALK(channel.of('a', 'b'))
    channel.topic('versions').view { pair -> "version ${pair.join(' ')}" }
}
