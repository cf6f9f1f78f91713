process MAKE {
    tag "$meta.id"

    input:
    val meta

    output:
    tuple val(meta), path("${meta.id}.{txt,log}"), emit: pair
    path 'versions.yml', emit: versions

    script:
    """
    seq $meta.size > ${meta.id}.txt
    echo made > ${meta.id}.log
    echo 'seq: 1' > versions.yml
    """
}

process USE {
    tag "$meta.id"
    publishDir "$launchDir/results", mode: 'copy'

    input:
    tuple val(meta), path(files)
    path versions

    output:
    tuple val(meta), path("${meta.id}.sum")

    script:
    "cat $files $versions | cksum > ${meta.id}.sum"
}

workflow {
    MAKE(channel.of([id: 'x', size: 3], [id: 'y', size: 5]))
    USE(MAKE.out.pair, MAKE.out.versions.toSortedList().map { files -> files.first() })
}
