# The README's examples are the programs in example/ and remote/, to the letter.

file(READ ${CMAKE_CURRENT_LIST_DIR}/../../README.md readme)
foreach(example example remote)
  file(READ ${CMAKE_CURRENT_LIST_DIR}/${example}/main.cpp program)
  string(FIND "${readme}" "```cpp\n${program}```" found)
  if(found EQUAL -1)
    message(FATAL_ERROR "README.md does not show tests/install/${example}/main.cpp as it is; copy it there.")
  endif()
endforeach()
