/* libprobe, carried inside the launcher. LIBRARY is the built file's path. */
    .section .rodata
    .balign 8
    .globl launch_library, launch_library_end
    .hidden launch_library
    .hidden launch_library_end
launch_library:
    .incbin LIBRARY
launch_library_end:
    .byte 0
    .section .note.GNU-stack, "", %progbits
