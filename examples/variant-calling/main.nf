params.data = 'data'
params.results = 'results'

process REFERENCE {
    input:
    path packed

    output:
    path 'lambda.fa'

    script:
    "gzip -dc $packed > lambda.fa"
}

process INDEX {
    input:
    path reference

    output:
    path "${reference}.{amb,ann,bwt,pac,sa}", emit: index
    path "${reference}.fai", emit: fai

    script:
    "bwa index $reference && samtools faidx $reference"
}

process ALIGN {
    tag "$sample"

    input:
    tuple val(sample), path(reads)
    path reference
    path index

    output:
    tuple val(sample), path("${sample}.sam")

    script:
    "bwa mem -R '@RG\\tID:$sample\\tSM:lambda' $reference $reads > ${sample}.sam"
}

process SORT {
    tag "$sample"

    input:
    tuple val(sample), path(sam)

    output:
    tuple val(sample), path("${sample}.bam"), emit: bam
    path "${sample}.bam.bai", emit: bai

    script:
    "samtools sort -o ${sample}.bam $sam && samtools index ${sample}.bam"
}

process COVERAGE {
    publishDir params.results, mode: 'copy'

    input:
    path bam

    output:
    path 'coverage.tsv'

    script:
    "samtools depth -a $bam > coverage.tsv"
}

process CALL {
    publishDir params.results, mode: 'copy'

    input:
    path reference
    path fai
    path bams
    path bais

    output:
    path 'variants.vcf'

    script:
    """
    bcftools mpileup --no-version -f $reference pairs.bam long.bam \
      | bcftools call --no-version -mv --ploidy 1 -o variants.vcf
    """
}

process PLOT {
    publishDir params.results, mode: 'copy'

    input:
    path script
    path coverage
    path calls

    output:
    path 'variants.svg'

    script:
    "python $script $coverage $calls variants.svg"
}

workflow {
    reads = channel.of(
        ['pairs', [file("$params.data/reads_1.fq.gz"), file("$params.data/reads_2.fq.gz")]],
        ['long', [file("$params.data/longreads.fq.gz")]],
    )
    REFERENCE(file("$params.data/lambda_virus.fa.gz"))
    reference = REFERENCE.out.first()
    INDEX(reference)
    ALIGN(reads, reference, INDEX.out.index.first())
    SORT(ALIGN.out)
    bams = SORT.out.bam.map { sample, bam -> bam }.collect()
    COVERAGE(SORT.out.bam.filter { sample, bam -> sample == 'pairs' }.map { sample, bam -> bam })
    CALL(reference, INDEX.out.fai, bams, SORT.out.bai.collect())
    PLOT(file("$projectDir/scripts/plot.py"), COVERAGE.out, CALL.out)
}
