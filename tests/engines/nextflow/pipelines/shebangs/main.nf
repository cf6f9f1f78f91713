process PYTHON {
    publishDir 'results', mode: 'copy'

    input:
    path text

    output:
    path 'upper.txt'

    script:
    """
    #!/usr/bin/env python3
    with open("$text") as source, open("upper.txt", "w") as target:
        target.write(source.read().upper())
    """
}

process PERL {
    input:
    path text

    output:
    stdout

    script:
    """
    #!/usr/bin/perl
    open(my \$file, '<', '$text') or die;
    print scalar reverse <\$file>;
    """
}

workflow {
    PYTHON(channel.fromPath("$projectDir/in.txt"))
    PERL(PYTHON.out).view()
}
