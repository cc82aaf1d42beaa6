# The installed program finds its configurations beside it, in PREFIX/share/perfwatt; the installed
# libraries serve other CMake projects, which may add hardware families of their own:
#   find_package(perfwatt REQUIRED)
#   perfwatt_program(my_perfwatt FAMILIES my_family)
include(CMakePackageConfigHelpers)
set(package_folder ${CMAKE_INSTALL_LIBDIR}/cmake/perfwatt)

get_property(rooms GLOBAL PROPERTY PERFWATT_ROOMS)
install(TARGETS perfwatt RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
install(TARGETS ${rooms} perfwatt_options perfwatt_systemc perfwatt_onnx EXPORT perfwattTargets
        ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
install(EXPORT perfwattTargets NAMESPACE perfwatt:: DESTINATION ${package_folder})
install(DIRECTORY sim models DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/perfwatt
        FILES_MATCHING PATTERN "*.h")
install(DIRECTORY configs workloads DESTINATION ${CMAKE_INSTALL_DATADIR}/perfwatt)
# What `perfwatt validate` compares with: PREFIX/share/perfwatt/validation.
install(DIRECTORY tests/validation DESTINATION ${CMAKE_INSTALL_DATADIR}/perfwatt)

configure_package_config_file(scripts/cmake/perfwattConfig.cmake.in
                              ${PROJECT_BINARY_DIR}/perfwattConfig.cmake
                              INSTALL_DESTINATION ${package_folder}
                              PATH_VARS CMAKE_INSTALL_DATADIR)
write_basic_package_version_file(${PROJECT_BINARY_DIR}/perfwattConfigVersion.cmake
                                 COMPATIBILITY SameMinorVersion)
install(FILES ${PROJECT_BINARY_DIR}/perfwattConfig.cmake
              ${PROJECT_BINARY_DIR}/perfwattConfigVersion.cmake
              scripts/cmake/PerfwattProgram.cmake scripts/cmake/program.cpp.in
        DESTINATION ${package_folder})
