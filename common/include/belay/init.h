/* How options start: zeroed, and with their size, so that fields can be added behind. */
#ifndef BELAY_INIT_H
#define BELAY_INIT_H

/* Designated initialisers are not C++17; both forms are free of warnings in their language. */
#ifdef __cplusplus
#define BELAY_INIT_(type)                                                                          \
    ([] {                                                                                          \
        type options{};                                                                            \
        options.struct_size = sizeof(type);                                                        \
        return options;                                                                            \
    }())
#else
#define BELAY_INIT_(type)                                                                          \
    { .struct_size = sizeof(type) }
#endif

#endif
