package misbehave

import (
	"bufio"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/term"
)

func exit(args []string) { os.Exit(number(args, 0, 1)) }

func killSelf([]string) {
	self, _ := os.FindProcess(os.Getpid())
	self.Kill()
	select {}
}

func boot(args []string) {
	text := "ModuleNotFoundError: No module named 'shop'"
	if len(args) > 0 {
		text = args[0]
	}
	fmt.Fprintf(os.Stderr, "Traceback (most recent call last):\n  File \"manage.py\", line 1\n%s\n", text)
	os.Exit(1)
}

func lines(args []string) {
	text := "line"
	if len(args) > 1 {
		text = args[1]
	}
	w := bufio.NewWriterSize(os.Stdout, 32<<10)
	for i := range number(args, 0, 1) {
		fmt.Fprintf(w, "%s %d\n", text, i+1)
	}
	w.Flush()
}

func words(args []string) {
	fmt.Print(strings.Join(args[1:], " "))
	pause(number(args, 0, 10))
	os.Exit(3)
}

func long(args []string) {
	io.WriteString(os.Stdout, strings.Repeat("x", number(args, 0, 1<<20))+"\nend\n")
}

// JunkIn is what the mode junk writes, and JunkOut how its lines should be seen.
const JunkIn = "nul\x00byte\n" +
	"invalid \xff\xfe utf-8\n" +
	"\r- spin\r\\ spin\r| spin\rspun\n" +
	"a\bb\bc\n" +
	"\x1b[2J\x1b[Hclear\x1b[K\n" +
	"\x1b]0;a title that never ends\n" +
	"\x1b[31mred\nstill red\x1b[0m\n" +
	"\x1b[12;12"

var JunkOut = []string{"nulbyte", "invalid \uFFFD\uFFFD utf-8", "spun", "c", "clear", "",
	"\x1b[31mred\x1b[0m", "\x1b[31mstill red\x1b[0m"}

func junk([]string) { io.WriteString(os.Stdout, JunkIn) }

func prompt([]string) {
	fmt.Print("Name: ")
	answer, err := bufio.NewReader(os.Stdin).ReadString('\n')
	fmt.Printf("\nanswer %q %v\n", answer, err)
}

func flood([]string) {
	w := bufio.NewWriter(os.Stdout)
	for i := 1; ; i++ {
		if _, err := fmt.Fprintf(w, "flood %d\n", i); err != nil {
			os.Exit(4)
		}
	}
}

func report(args []string) {
	fmt.Printf("args %q\n", args)
	dir, err := os.Getwd()
	fmt.Printf("dir %s %v\n", dir, err)
	if width, height, err := term.GetSize(int(os.Stdout.Fd())); err == nil {
		fmt.Printf("terminal %d×%d\n", height, width)
	} else {
		fmt.Println("no terminal")
	}
	tty, err := os.OpenFile("/dev/tty", os.O_RDWR, 0)
	fmt.Println("controlled", err == nil)
	tty.Close()
	for _, kv := range os.Environ() {
		fmt.Println("env", kv)
	}
}

func stdin([]string) {
	fmt.Println("up")
	io.Copy(io.Discard, os.Stdin)
	fmt.Println("end of input")
}

// start starts another child of this program, with our output.
func start(cmd *exec.Cmd) *exec.Cmd {
	cmd.Stdout, cmd.Stderr = os.Stdout, os.Stderr
	if err := cmd.Start(); err != nil {
		fmt.Fprintf(os.Stderr, "cannot misbehave: %v\n", err)
		os.Exit(2)
	}
	fmt.Println("child", cmd.Process.Pid)
	return cmd
}

// child is the command line of another child.
func child(mode string, args ...string) *exec.Cmd {
	argv := Argv(mode, args...)
	return exec.Command(argv[0], argv[1:]...)
}
