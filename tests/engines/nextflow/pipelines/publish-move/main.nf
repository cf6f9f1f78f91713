process MAKE {
    publishDir 'results', mode: 'move'

    output:
    path 'a.big'

    script:
    "echo big > a.big"
}

workflow {
    MAKE()
}
