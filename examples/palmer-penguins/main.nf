params.data = 'data'
params.results = 'results'
params.species = ['Adelie', 'Chinstrap', 'Gentoo']

process CLEAN {
    input:
    path script
    path raw

    output:
    path 'clean.csv'

    script:
    "python $script $raw clean.csv"
}

process SUMMARISE {
    publishDir params.results, mode: 'copy'

    input:
    path script
    path birds

    output:
    path 'summary.csv'

    script:
    "python $script $birds summary.csv"
}

process FIT {
    tag "$species"

    input:
    path script
    path birds
    each species

    output:
    path "fit-${species}.json"

    script:
    "python $script $birds $species fit-${species}.json"
}

process PLOT {
    publishDir params.results, mode: 'copy'

    input:
    path script
    path birds
    path fits

    output:
    path 'figure.svg'

    script:
    "python $script $birds $fits figure.svg"
}

workflow {
    scripts = "$projectDir/scripts"
    CLEAN(file("$scripts/clean.py"), file("$params.data/penguins-raw.csv"))
    birds = CLEAN.out.first()
    SUMMARISE(file("$scripts/summarise.py"), birds)
    FIT(file("$scripts/fit.py"), birds, params.species)
    PLOT(file("$scripts/plot.py"), birds, FIT.out.toSortedList { one, other -> one.name <=> other.name })
}
