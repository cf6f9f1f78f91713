include { TWICE } from '../twice.nf'

process MARK {
    input:
    val x

    output:
    path 'mark.txt'

    script:
    "echo '<$x>' > mark.txt"
}

workflow BOTH {
    take:
    words

    main:
    TWICE(words)
    MARK(TWICE.out)

    emit:
    MARK.out.map { file -> file.text.trim() }
}
