# The README's example is the program in example/, to the letter.

file(READ ${CMAKE_CURRENT_LIST_DIR}/example/main.cpp program)
file(READ ${CMAKE_CURRENT_LIST_DIR}/../../README.md readme)
string(FIND "${readme}" "```cpp\n${program}```" found)
if(found EQUAL -1)
  message(FATAL_ERROR "README.md does not show tests/install/example/main.cpp as it is; copy it there.")
endif()
