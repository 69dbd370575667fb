/* C++: a socket class whose methods have the calls' names, and streams of the library, which have them too. */
#include <fstream>
#include <iostream>
#include <netinet/in.h>
#include <sstream>
#include <string>
#include <sys/socket.h>
#include <unistd.h>

class Socket {
  public:
    explicit Socket(int number) : fd(number) {}
    bool listen(int backlog) { return ::listen(fd, backlog) == 0; }
    bool connect(const Socket &listener);
    Socket accept() { return Socket(::accept(fd, nullptr, nullptr)); }
    long write(const std::string &text) { return ::write(fd, text.data(), text.size()); }
    std::string read() {
        char text[64];
        ssize_t got = ::read(fd, text, sizeof text);
        return std::string(text, got > 0 ? static_cast<size_t>(got) : 0);
    }
    void close() { ::close(fd); }

  private:
    int fd;
};

bool Socket::connect(const Socket &listener) {
    struct sockaddr_in address;
    socklen_t size = sizeof address;
    return getsockname(listener.fd, reinterpret_cast<struct sockaddr *>(&address), &size) == 0 &&
           ::connect(fd, reinterpret_cast<struct sockaddr *>(&address), size) == 0;
}

static void over_sockets() {
    Socket listener(socket(AF_INET, SOCK_STREAM, 0)), client(socket(AF_INET, SOCK_STREAM, 0));
    std::cout << listener.listen(1) << client.connect(listener) << '\n';
    Socket server = listener.accept();
    std::cout << client.write("over a socket") << ' ' << server.read() << '\n';
    server.close();
    client.close();
    listener.close();
}

static void over_files() {
    char path[] = "/tmp/tapir-methods-XXXXXX", text[32] = "";
    ::close(mkstemp(path));
    std::ofstream out(path);
    out.write("over a file", 11);
    out.close();
    std::ifstream in(path);
    in.read(text, sizeof text);
    std::cout << in.gcount() << ' ' << text << '\n';
    in.close();
    unlink(path);
}

int main() {
    over_sockets();
    over_files();
    return 0;
}
