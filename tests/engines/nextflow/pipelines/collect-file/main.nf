process LINE {
    input:
    val x

    output:
    path "${x}.txt"

    script:
    "echo line $x > ${x}.txt"
}

workflow {
    LINE(channel.of('a', 'b')).collectFile(name: 'all.txt', storeDir: "$launchDir/results", sort: { file -> file.name })
        .view { file -> file.text.trim() }
}
