process HELLO {
    input:
    val name

    output:
    stdout

    script:
    "echo Hello $name"
}

workflow {
    HELLO(channel.of('Ada', 'Grace')).view { text -> text.trim() }
}
