# perfwatt_program(NAME FAMILIES FAMILY...): the perfwatt command line with hardware families of
# your own. Each FAMILY is a library target that links perfwatt::arch and defines
# `std::unique_ptr<const perfwatt::Family> perfwatt::FAMILY::make_family()`.
set(PERFWATT_PROGRAM_TEMPLATE "${CMAKE_CURRENT_LIST_DIR}/program.cpp.in")

function(perfwatt_program name)
  cmake_parse_arguments(PROGRAM "" "" "FAMILIES" ${ARGN})
  set(declarations "")
  set(additions "")
  foreach(family IN LISTS PROGRAM_FAMILIES)
    string(APPEND declarations
      "namespace perfwatt::${family} {\nstd::unique_ptr<const Family> make_family();\n}\n")
    string(APPEND additions "    families.add(perfwatt::${family}::make_family());\n")
  endforeach()
  set(main "${CMAKE_CURRENT_BINARY_DIR}/${name}_main.cpp")
  configure_file("${PERFWATT_PROGRAM_TEMPLATE}" "${main}" @ONLY)
  add_executable(${name} "${main}")
  target_link_libraries(${name} PRIVATE ${PROGRAM_FAMILIES} perfwatt::cli perfwatt::families)
endfunction()
