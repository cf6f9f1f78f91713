nextflow.preview.output = true

process MAKE {
    input:
    val x

    output:
    tuple val(x), path("${x}.txt")

    script:
    "echo $x > ${x}.txt"
}

workflow {
    main:
    MAKE(channel.of('a', 'b'))

    publish:
    made = MAKE.out
}

output {
    made {
        path { x, file -> "by-name/$x" }
        mode 'copy'
        index {
            path 'index.csv'
        }
    }
}
