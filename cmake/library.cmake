# The library: `tapir` (shared), libtapir.a (pre-linked, its locals hidden), `tapir_all` for the tests; installation.
include(CMakePackageConfigHelpers)

set(TAPIR_PARTS ${TAPIR_ROOMS} room_tap room_driver room_posix)
set(TAPIR_OBJECTS)
foreach(part ${TAPIR_PARTS})
  list(APPEND TAPIR_OBJECTS $<TARGET_OBJECTS:${part}>)
endforeach()

# For tests in the tree: every internal name in sight, which neither installed form shows.
add_library(tapir_all STATIC ${TAPIR_OBJECTS})
target_include_directories(tapir_all PUBLIC ${PROJECT_SOURCE_DIR}/include ${PROJECT_SOURCE_DIR}/stack)
target_link_libraries(tapir_all PUBLIC Threads::Threads PkgConfig::PCAP)

add_library(tapir SHARED ${TAPIR_OBJECTS})
add_library(tapir::tapir ALIAS tapir)
set_target_properties(tapir PROPERTIES VERSION ${PROJECT_VERSION} SOVERSION 0
  LINK_DEPENDS ${PROJECT_SOURCE_DIR}/cmake/tapir.map)
target_include_directories(tapir INTERFACE $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}/include>
  $<INSTALL_INTERFACE:${CMAKE_INSTALL_INCLUDEDIR}>)
target_link_libraries(tapir PRIVATE Threads::Threads PkgConfig::PCAP)
target_link_options(tapir PRIVATE LINKER:--version-script=${PROJECT_SOURCE_DIR}/cmake/tapir.map)
if(NOT TAPIR_SANITIZE)
  # clang leaves the sanitizers' own symbols for the program to define.
  target_link_options(tapir PRIVATE LINKER:--no-undefined)
endif()

# One object with the rooms linked among themselves: then their names can go, and nothing of a program that links
# libtapir.a can clash with a table_insert or a list_remove.
set(TAPIR_STATIC ${CMAKE_CURRENT_BINARY_DIR}/libtapir.a)
add_custom_command(OUTPUT ${TAPIR_STATIC}
  COMMAND ${CMAKE_LINKER} -r -o tapir.o ${TAPIR_OBJECTS}
  COMMAND ${CMAKE_OBJCOPY} --localize-hidden tapir.o
  COMMAND ${CMAKE_COMMAND} -E rm -f ${TAPIR_STATIC}
  COMMAND ${CMAKE_AR} rcs ${TAPIR_STATIC} tapir.o
  DEPENDS ${TAPIR_PARTS} ${TAPIR_OBJECTS}
  WORKING_DIRECTORY ${CMAKE_CURRENT_BINARY_DIR}
  COMMENT "Pre-linking libtapir.a"
  COMMAND_EXPAND_LISTS VERBATIM)
add_custom_target(tapir_static ALL DEPENDS ${TAPIR_STATIC})

set(TAPIR_PACKAGE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/tapir)
# Relative, so that an installed tree can be moved.
file(RELATIVE_PATH TAPIR_PC_PREFIX /${CMAKE_INSTALL_LIBDIR}/pkgconfig /)
configure_file(${PROJECT_SOURCE_DIR}/cmake/tapir.pc.in tapir.pc @ONLY)
configure_package_config_file(${PROJECT_SOURCE_DIR}/cmake/tapirConfig.cmake.in tapirConfig.cmake
  INSTALL_DESTINATION ${TAPIR_PACKAGE_DIR} PATH_VARS CMAKE_INSTALL_INCLUDEDIR CMAKE_INSTALL_LIBDIR)
write_basic_package_version_file(tapirConfigVersion.cmake COMPATIBILITY SameMinorVersion)

install(TARGETS tapir EXPORT tapirTargets)
install(EXPORT tapirTargets NAMESPACE tapir:: DESTINATION ${TAPIR_PACKAGE_DIR})
install(FILES ${TAPIR_STATIC} DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(DIRECTORY ${PROJECT_SOURCE_DIR}/include/tapir DESTINATION ${CMAKE_INSTALL_INCLUDEDIR} FILES_MATCHING PATTERN "*.h")
install(FILES ${PROJECT_SOURCE_DIR}/docs/man/tapir.3 DESTINATION ${CMAKE_INSTALL_MANDIR}/man3)
install(FILES ${PROJECT_SOURCE_DIR}/docs/man/tapir.7 DESTINATION ${CMAKE_INSTALL_MANDIR}/man7)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tapir.pc DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tapirConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/tapirConfigVersion.cmake
  DESTINATION ${TAPIR_PACKAGE_DIR})
