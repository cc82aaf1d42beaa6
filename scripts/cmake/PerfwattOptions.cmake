set(CMAKE_CXX_STANDARD 20)
set(CMAKE_CXX_STANDARD_REQUIRED ON)
set(CMAKE_CXX_EXTENSIONS OFF)

set(CMAKE_EXPORT_COMPILE_COMMANDS ON)
if(NOT CMAKE_BUILD_TYPE)
  set(CMAKE_BUILD_TYPE Release)
endif()

option(PERFWATT_WERROR "Treat warnings as errors" OFF)
option(PERFWATT_TESTS "Build the tests" ON)
option(PERFWATT_BENCHMARKS "Build the benchmarks" ON)
option(PERFWATT_SANITIZE "AddressSanitizer and UndefinedBehaviorSanitizer" OFF)
option(PERFWATT_COVERAGE "Instrument for gcov" OFF)
option(PERFWATT_UNITY "Compile files of a room together: a third less work from scratch, more after an edit" OFF)
option(PERFWATT_PCH "Precompile the heavy third-party headers" ON)

add_library(perfwatt_options INTERFACE)
target_compile_features(perfwatt_options INTERFACE cxx_std_20)
# Same input, same bytes on any machine: no fused multiply-add where the compiler would like one.
target_compile_options(perfwatt_options INTERFACE -ffp-contract=off)
# Designated initialisers leave defaults where they are: no warning for the fields left out.
set(warnings -Wall -Wextra -Wpedantic -Wshadow -Wnon-virtual-dtor -Wold-style-cast
             -Wno-missing-field-initializers)
if(PERFWATT_WERROR)
  # GCC 12 sees overflows within std::string that are not there, here and not there, by the length
  # of a path: told, but no reason to stop.
  list(APPEND warnings -Werror -Wno-error=array-bounds -Wno-error=restrict
       -Wno-error=stringop-overflow)
endif()
target_compile_options(perfwatt_options INTERFACE "$<BUILD_INTERFACE:${warnings}>")
if(PERFWATT_SANITIZE)
  target_compile_options(perfwatt_options INTERFACE
    -fsanitize=address,undefined -fno-sanitize-recover=all -fno-omit-frame-pointer)
  target_link_options(perfwatt_options INTERFACE -fsanitize=address,undefined)
endif()
if(PERFWATT_COVERAGE)
  target_compile_options(perfwatt_options INTERFACE --coverage)
  target_link_options(perfwatt_options INTERFACE --coverage)
endif()
target_include_directories(perfwatt_options INTERFACE
  $<BUILD_INTERFACE:${PROJECT_SOURCE_DIR}> $<INSTALL_INTERFACE:include/perfwatt>)

find_program(CCACHE ccache)
if(CCACHE AND NOT CMAKE_CXX_COMPILER_LAUNCHER)
  set(CMAKE_CXX_COMPILER_LAUNCHER ${CMAKE_COMMAND} -E env
      CCACHE_SLOPPINESS=pch_defines,time_macros ${CCACHE})
endif()
