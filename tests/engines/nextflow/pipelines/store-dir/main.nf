process KEEP {
    storeDir "$launchDir/store"

    input:
    val x

    output:
    path "${x}.txt"

    script:
    "echo $x > ${x}.txt"
}

process USE {
    input:
    path file

    output:
    stdout

    script:
    "cat $file"
}

workflow {
    USE(KEEP(channel.of('kept', 'fresh'))).view { text -> text.trim() }
}
