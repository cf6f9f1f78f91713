process INSIDE {
    container params.image
    containerOptions { task.attempt > 1 ? params.options : '' }
    beforeScript 'export BEFORE=before'
    errorStrategy 'retry'

    input:
    path words

    output:
    path 'sorted.txt'

    script:
    """
    [ $task.attempt -gt 1 ]
    sort $words $projectDir/undeclared.txt > sorted.txt
    echo \${WORD:-} \${FOO:-} >> sorted.txt
    """
}

process PERL {
    container params.image

    input:
    path sorted

    output:
    path 'upper.txt'

    script:
    """
    #!/usr/bin/perl
    open(my \$in, '<', '$sorted'); open(my \$out, '>', 'upper.txt');
    print \$out uc(\$_) while <\$in>;
    """
}

process OUTSIDE {
    beforeScript { 'export BEFORE=before' }

    input:
    path upper

    output:
    stdout

    script:
    "cat $upper; echo \$BEFORE"
}

workflow {
    INSIDE(file("$projectDir/words.txt"))
    PERL(INSIDE.out)
    OUTSIDE(PERL.out).view()
}
