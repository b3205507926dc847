// SPDX-License-Identifier: GPL-2.0-or-later
// For the tests of this folder only: a scratch directory, a terminal pair, and signals as init has them.
#pragma once

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <termios.h>
#include <unistd.h>

#include <array>
#include <string>
#include <string_view>

#include "capture/init/child_process.h"
#include "capture/init/clock.h"
#include "common/base/io.h"
#include "common/base/units.h"

namespace crashdump {

// Removed with what was made in it when the object goes.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    std::string pattern = "/tmp/crashdump-init-test.XXXXXX";
    path_ = mkdtemp(pattern.data());
  }
  ~ScratchDirectory() { EXPECT_EQ(system(("rm -r " + path_).c_str()), 0); }
  ScratchDirectory(const ScratchDirectory&) = delete;
  ScratchDirectory& operator=(const ScratchDirectory&) = delete;

  std::string Path(const std::string& name) const { return path_ + "/" + name; }
  const std::string& path() const { return path_; }

  std::string Write(const std::string& name, std::string_view text, mode_t mode = 0600) const {
    const Result<UniqueFd> fd = OpenFile(Path(name).c_str(), O_WRONLY | O_CREAT | O_TRUNC, mode);
    EXPECT_TRUE(fd.ok() && WriteFull(fd.value().get(), BytesOf(text)).ok()) << name;
    return Path(name);
  }
  std::string Read(const std::string& name) const {
    Result<std::string> text = ReadTextFile(Path(name).c_str(), kMiB);
    return text.ok() ? text.TakeValue() : std::string("(cannot be read)");
  }
  std::string MakeScript(const std::string& name, const std::string& commands) const {
    return Write(name, "#!/bin/sh\n" + commands, 0700);
  }

 private:
  std::string path_;
};

// The host's end of a serial line; the guest's end has a device file.
class SerialLine {
 public:
  SerialLine() : fd_(posix_openpt(O_RDWR | O_NOCTTY)) {
    EXPECT_EQ(grantpt(fd_.get()), 0);
    EXPECT_EQ(unlockpt(fd_.get()), 0);
    std::array<char, 64> name{};
    EXPECT_EQ(ptsname_r(fd_.get(), name.data(), name.size()), 0);
    device_ = name.data();
  }

  const std::string& device() const { return device_; }
  void Send(std::string_view text) const { EXPECT_TRUE(WriteFull(fd_.get(), BytesOf(text)).ok()); }

  // What comes until `end` is in it, or until nothing has come for two seconds.
  std::string ReceiveUntil(std::string_view end) {
    std::string text;
    while (text.find(end) == std::string::npos) {
      pollfd ready = {.fd = fd_.get(), .events = POLLIN, .revents = 0};
      if (poll(&ready, 1, 2000) < 1) break;
      std::array<char, 512> buffer;
      const ssize_t got = read(fd_.get(), buffer.data(), buffer.size());
      if (got <= 0) break;
      text.append(buffer.data(), static_cast<size_t>(got));
    }
    return text;
  }

 private:
  UniqueFd fd_;
  std::string device_;
};

// PrepareSignals() for the time of a test.
class SignalTest : public ::testing::Test {
 protected:
  SignalTest() {
    sigprocmask(SIG_SETMASK, nullptr, &mask_);
    PrepareSignals();
  }
  ~SignalTest() override {
    signal(SIGCHLD, SIG_DFL);
    signal(SIGPIPE, SIG_DFL);
    sigprocmask(SIG_SETMASK, &mask_, nullptr);
  }

 private:
  sigset_t mask_{};
};

}  // namespace crashdump
