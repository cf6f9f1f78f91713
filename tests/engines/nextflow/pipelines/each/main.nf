process CROSS {
    tag "$letter$number ${file.name}"

    input:
    val letter
    each number
    each path(file)

    output:
    path 'out.txt'

    script:
    "echo $letter $number | cat - $file > out.txt"
}

workflow {
    CROSS(channel.of('a', 'b'), [1, 2], channel.fromPath("$projectDir/*.dat").collect())
}
