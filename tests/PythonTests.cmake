# Every FOLDER/*_test.py is a ctest of its own, run with the perfwatt program of this build.
# The system's interpreter first: its packages are the ones that scripts/setup.sh installs.
if(NOT Python3_EXECUTABLE AND EXISTS /usr/bin/python3)
  set(Python3_EXECUTABLE /usr/bin/python3)
endif()
find_package(Python3 3.9 REQUIRED COMPONENTS Interpreter)

function(perfwatt_python_tests folder)
  cmake_parse_arguments(TEST "" "LABEL;TIMEOUT" "" ${ARGN})
  if(NOT TEST_TIMEOUT)
    set(TEST_TIMEOUT 300)
  endif()
  file(GLOB scripts CONFIGURE_DEPENDS "${CMAKE_CURRENT_SOURCE_DIR}/${folder}/*_test.py")
  foreach(script IN LISTS scripts)
    get_filename_component(name ${script} NAME_WE)
    add_test(NAME ${folder}/${name} COMMAND ${Python3_EXECUTABLE} -B ${script})
    set_tests_properties(${folder}/${name} PROPERTIES
      LABELS "${TEST_LABEL}" TIMEOUT ${TEST_TIMEOUT}
      ENVIRONMENT "PERFWATT=$<TARGET_FILE:perfwatt>;PERFWATT_BUILD=${PROJECT_BINARY_DIR}")
  endforeach()
endfunction()
