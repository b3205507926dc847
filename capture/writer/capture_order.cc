// SPDX-License-Identifier: GPL-2.0-or-later
#include "capture/writer/capture_order.h"

#include <array>
#include <initializer_list>

namespace crashdump {

std::string PageClassSet::ToString() const {
  std::string text;
  for (const PageClass page_class : kAllPageClasses) {
    if (!Contains(page_class)) continue;
    if (!text.empty()) text += ',';
    text += PageClassName(page_class);
  }
  return text;
}

std::vector<PageClassSet> CaptureOrder(DumpLevel level) {
  const std::array<std::initializer_list<PageClass>, 5> by_value = {{
      {PageClass::kKernel, PageClass::kUnclassified},
      {PageClass::kUser},
      {PageClass::kCachePrivate},
      {PageClass::kCacheClean},
      {PageClass::kFree},
  }};
  std::vector<PageClassSet> order;
  for (const auto& classes : by_value) {
    PageClassSet set;
    for (const PageClass page_class : classes) {
      if (level.Keeps(page_class)) set.Add(page_class);
    }
    if (!set.empty()) order.push_back(set);
  }
  return order;
}

}  // namespace crashdump
