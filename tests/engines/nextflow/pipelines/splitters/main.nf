process ROW {
    tag "$row.name"
    publishDir 'results', mode: 'copy'

    input:
    val row
    path chunk

    output:
    path "${row.name}.txt", optional: true

    when:
    row.size.toInteger() > 1

    script:
    "cat $chunk > ${row.name}.txt; echo $row.size >> ${row.name}.txt"
}

workflow {
    rows = channel.fromPath("$projectDir/table.csv").splitCsv(header: true)
    chunks = channel.fromPath("$projectDir/lines.txt").splitText(by: 1, file: true)
    ROW(rows, chunks)
}
