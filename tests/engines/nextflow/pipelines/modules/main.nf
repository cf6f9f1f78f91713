include { TWICE } from './twice.nf'
include { TWICE as AGAIN } from './twice.nf'
include { BOTH } from './flows/both.nf'

workflow {
    TWICE(channel.of('x'))
    AGAIN(TWICE.out)
    BOTH(AGAIN.out)
    BOTH.out.view()
}
