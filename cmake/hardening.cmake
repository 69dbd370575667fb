# Hardening: what compiler and linker can do so that a mistake in our code ends the program and serves no attacker.
# docs/decisions/0010-hardened-core.md says why the core has it too, and what it costs.
include(CheckCCompilerFlag)
include(CheckPIESupported)

option(TAPIR_HARDEN "Stack protector, fortified libc calls, read-only relocations, control-flow guards" ON)

# The sanitizers watch the same mistakes, more closely, and know nothing of fortified calls.
if(TAPIR_HARDEN AND NOT TAPIR_SANITIZE)
  # A flag of another architecture may be no more than a warning.
  set(CMAKE_REQUIRED_FLAGS -Werror)
  foreach(flag -fstack-protector-strong -fstack-clash-protection -fcf-protection=full -mbranch-protection=standard)
    string(MAKE_C_IDENTIFIER "TAPIR_HAS${flag}" has)
    check_c_compiler_flag(${flag} ${has})
    if(${has})
      add_compile_options(${flag})
    endif()
  endforeach()
  unset(CMAKE_REQUIRED_FLAGS)
  # Fortified calls need an optimizing build. A compiler may define the macro by itself.
  add_compile_options($<$<NOT:$<CONFIG:Debug>>:-U_FORTIFY_SOURCE> $<$<NOT:$<CONFIG:Debug>>:-D_FORTIFY_SOURCE=3>)
  add_link_options(LINKER:-z,relro,-z,now,-z,noexecstack)
  check_pie_supported(LANGUAGES C)
endif()
