#include "nesting.hpp"

namespace millrace::storage::testing {

namespace {

std::string name_of(std::size_t number) {
  return "q" + std::to_string(number);
}

} // namespace

const std::vector<nesting>& nestings() {
  static const std::string sum = [] {
    std::string text = "))";
    for (int i = 0; i < 900; ++i) {
      text += "+1";
    }
    return text + " x";
  }();
  static const std::vector<nesting> all{
    {"SELECT x FROM(", ")"},
    {"SELECT*FROM(", ")UNION SELECT 1"},
    {"SELECT*FROM(", ")UNION ALL SELECT 1"},
    {"SELECT*FROM(", ")EXCEPT SELECT 1"},
    {"SELECT*FROM(", ")UNION SELECT 1 ORDER BY 1"},
    {"VALUES(1)UNION SELECT*FROM(", ")"},
    {"SELECT DISTINCT x FROM(", ")"},
    {"SELECT count(*)x FROM(", ")"},
    {"SELECT x FROM(", ")LIMIT 1"},
    {"SELECT x FROM(", ")ORDER BY 1 LIMIT 1"},
    {"SELECT max(x)x FROM(", ")GROUP BY x HAVING x"},
    {"SELECT sum(x)OVER(ORDER BY x)x FROM(", ")"},
    {"SELECT first_value(x)OVER w x FROM(", ")WINDOW w AS(PARTITION BY x)"},
    {"SELECT(SELECT x FROM(", "))x"},
    {"SELECT 1 x WHERE EXISTS(SELECT 1 FROM(", "))"},
    {"SELECT 1 x WHERE 1 IN(SELECT x FROM(", "))"},
    {"SELECT CASE WHEN 1 THEN(SELECT x FROM(", "))END x"},
    {"SELECT p.x FROM(SELECT 1)LEFT JOIN(SELECT x FROM(", "))p"},
    {"SELECT json_array((SELECT x FROM(", ")))x"},
    {"WITH w AS(SELECT x FROM(", "))SELECT x FROM w"},
    {"SELECT value x FROM json_each((SELECT x FROM(", ")))"},
    {"SELECT(SELECT x FROM(", sum},
  };
  return all;
}

std::string nested_query(const std::vector<nesting>& levels, std::size_t depth, std::size_t bytes) {
  std::string sql = "WITH q0 AS(SELECT 1 x)";
  std::size_t number = 0;
  for (;; ++number) {
    const auto& level = levels[number % levels.size()];
    std::string inner = "SELECT x FROM " + name_of(number);
    for (std::size_t i = 0; i < depth; ++i) {
      inner = std::string{level.before} + inner + std::string{level.after};
    }
    const auto expression = "," + name_of(number + 1) + "(x)AS(" + inner + ")";
    if (sql.size() + expression.size() + 40 > bytes) {
      break;
    }
    sql += expression;
  }
  return sql + "SELECT x FROM " + name_of(number);
}

} // namespace millrace::storage::testing
