process MAKE {
    publishDir 'results/copy', mode: 'copy', pattern: '*.txt'
    publishDir 'results/symlink', pattern: '*.log', saveAs: { name -> "renamed-$name" }
    publishDir 'results/link', mode: 'link', pattern: '*.dat'
    publishDir 'results/rellink', mode: 'rellink', pattern: 'folder'

    output:
    path '*.txt', emit: text
    path 'a.log'
    path 'a.dat'
    path 'folder'

    script:
    """
    echo text > a.txt
    echo more > b.txt
    echo log > a.log
    echo dat > a.dat
    mkdir folder
    echo inside > folder/inside.txt
    """
}

workflow {
    MAKE()
}
