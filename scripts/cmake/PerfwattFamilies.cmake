# perfwatt_family(NAME ...) is perfwatt_room(NAME ...) for a folder that holds a hardware family:
# it defines `std::unique_ptr<const Family> perfwatt::NAME::make_family()`. What make_family() is
# called from is generated, because a static library would lose a self-registering object.
function(perfwatt_family name)
  perfwatt_room(${name} ${ARGN})
  if(TARGET perfwatt_${name})
    set_property(GLOBAL APPEND PROPERTY PERFWATT_FAMILIES ${name})
  endif()
endfunction()

# The library perfwatt_families, whose builtin_families() knows every family declared before.
function(perfwatt_registry)
  get_property(families GLOBAL PROPERTY PERFWATT_FAMILIES)
  set(declarations "")
  set(additions "")
  foreach(family IN LISTS families)
    string(APPEND declarations
      "namespace ${family} {\nstd::unique_ptr<const Family> make_family();\n}\n")
    string(APPEND additions "    families.add(${family}::make_family());\n")
  endforeach()
  configure_file(${PROJECT_SOURCE_DIR}/scripts/cmake/registry.cpp.in
                 ${PROJECT_BINARY_DIR}/generated/registry.cpp @ONLY)
  add_library(perfwatt_families STATIC ${PROJECT_BINARY_DIR}/generated/registry.cpp)
  add_library(perfwatt::families ALIAS perfwatt_families)
  set_target_properties(perfwatt_families PROPERTIES EXPORT_NAME families)
  target_link_libraries(perfwatt_families PUBLIC perfwatt_arch)
  foreach(family IN LISTS families)
    target_link_libraries(perfwatt_families PUBLIC perfwatt_${family})
  endforeach()
  set_property(GLOBAL APPEND PROPERTY PERFWATT_ROOMS perfwatt_families)
endfunction()
