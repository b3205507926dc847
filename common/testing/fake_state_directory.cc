// SPDX-License-Identifier: GPL-2.0-or-later
#include "common/testing/fake_state_directory.h"

#include <cerrno>

namespace crashdump {

std::optional<Error> FakeStateDirectory::Begin(Kind kind, const std::string& name) const {
  // A copy: the call may take the callback away.
  if (const std::function<void()> before_each = before_each_) before_each();
  log_.push_back({kind, name, true});
  bool fails = power_ != nullptr && !power_->on();
  for (size_t i = 0; i < faults_.size();) {
    if (faults_[i].kind != kind) {
      ++i;
    } else if (faults_[i].n == 0) {
      fails = true;
      faults_.erase(faults_.begin() + static_cast<ptrdiff_t>(i));
    } else {
      --faults_[i].n;
      ++i;
    }
  }
  if (fails) return Error::Os(EIO, "%s", name.c_str());
  return std::nullopt;
}

template <typename Change>
Result<> FakeStateDirectory::Make(Kind kind, const std::string& name, Change change) {
  if (const std::optional<Error> error = Begin(kind, name)) return *error;
  const PowerSwitch::Step step = power_ != nullptr ? power_->Pass() : PowerSwitch::Step::kRuns;
  if (step == PowerSwitch::Step::kRuns || step == PowerSwitch::Step::kCutAfter) change();
  if (step != PowerSwitch::Step::kRuns) return Error::Os(EIO, "%s", name.c_str());
  log_.back().failed = false;
  return {};
}

Result<std::optional<std::string>> FakeStateDirectory::Read(const std::string& name) const {
  if (const std::optional<Error> error = Begin(Kind::kRead, name)) return *error;
  log_.back().failed = false;
  const auto file = files_.find(name);
  if (file == files_.end()) return std::optional<std::string>();
  return std::optional<std::string>(file->second);
}

Result<> FakeStateDirectory::Replace(const std::string& name, std::string_view text) {
  return Make(Kind::kReplace, name, [&] { files_[name] = text; });
}

Result<> FakeStateDirectory::Remove(const std::string& name) {
  return Make(Kind::kRemove, name, [&] { files_.erase(name); });
}

Result<std::vector<std::string>> FakeStateDirectory::List() const {
  if (const std::optional<Error> error = Begin(Kind::kList, "")) return *error;
  log_.back().failed = false;
  std::vector<std::string> names;
  names.reserve(files_.size());
  for (const auto& [name, text] : files_) names.push_back(name);
  return names;
}

}  // namespace crashdump
