// SPDX-License-Identifier: GPL-2.0-or-later
// The usual parts of the standard library, to see how large a static program is with nothing else.
#include <cstdio>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <variant>
#include <vector>

int main(int argument_count, char**) {
  std::vector<std::string> words = {"vmcore", "pfn", "chunk"};
  std::map<std::string, std::variant<int, std::string>> facts;
  for (const std::string& word : std::span(words)) facts[word] = static_cast<int>(word.size()) + argument_count;
  auto sum = std::make_unique<int>(0);
  const std::function<void(int)> add = [&sum](int value) { *sum += value; };
  for (const auto& [word, value] : facts) add(std::get<int>(value));
  const std::optional<int> result = *sum;
  if (result != 14 + 3 * argument_count) {
    std::fprintf(stderr, "minimal: sum is %d\n", *result);
    return 1;
  }
  return 0;
}
