// Runs the commands as programs.
#pragma once

#include <map>
#include <string>
#include <vector>

namespace kachery::cli {

struct Outcome {
  int status = -1;  // exit status, or 128 + signal
  std::string out;
  std::string err;
};

// A started program, its standard output and error in pipes.
class Running {
 public:
  // `environment` is added to PATH, HOME and TMPDIR; nothing else is passed on.
  Running(const std::string& program, const std::vector<std::string>& arguments,
          const std::map<std::string, std::string>& environment);
  Running(const Running&) = delete;
  Running& operator=(const Running&) = delete;
  ~Running();

  void signal(int number) const;
  Outcome wait();

 private:
  int pid_ = -1;
  int out_ = -1;
  int err_ = -1;
};

}  // namespace kachery::cli
