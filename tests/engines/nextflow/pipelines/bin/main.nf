process USE {
    publishDir 'results', mode: 'copy'

    input:
    val x

    output:
    path "${x}.txt"

    script:
    "shout.py $x > ${x}.txt; whisper.sh $x >> ${x}.txt"
}

workflow {
    USE(channel.of('a', 'b'))
}
