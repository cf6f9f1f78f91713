process COUNT {
    tag "$id"

    input:
    tuple val(id), path(parts)

    output:
    tuple val(id), path('count.txt')

    script:
    "cat $parts | wc -l > count.txt"
}

process TOGETHER {
    publishDir 'results', mode: 'copy'

    input:
    path 'counts/count?.txt'

    output:
    path 'total.txt'

    script:
    "cat counts/* | sort -n > total.txt"
}

workflow {
    files = channel.fromPath("$projectDir/parts/*.txt").map { file -> tuple(file.baseName[0], file) }
    COUNT(files.groupTuple(sort: true))
    TOGETHER(COUNT.out.map { id, count -> count }.collect(sort: true))
}
