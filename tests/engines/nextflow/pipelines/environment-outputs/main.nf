process TELL {
    input:
    val x
    env 'GIVEN'

    output:
    env 'FOUND', emit: found
    eval('echo evaluated $GIVEN'), emit: asked
    stdout emit: said

    script:
    """
    FOUND=\$((GIVEN * $x))
    echo said $x
    """
}

workflow {
    TELL(channel.of(2, 3), 21)
    TELL.out.found.view { text -> "found $text" }
    TELL.out.asked.view()
    TELL.out.said.view { text -> text.trim() }
}
