process READ {
    publishDir 'results dir', mode: 'copy'

    input:
    path file

    output:
    path '* out.txt'

    script:
    """
    cat $file > "result of ${file.baseName.size()} out.txt"
    """
}

workflow {
    READ(channel.fromPath("$projectDir/*.txt"))
}
