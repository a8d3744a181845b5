<%@ page contentType="text/html; charset=UTF-8" %><%
    Integer visits = (Integer) session.getAttribute("visits");
    visits = visits == null ? 1 : visits + 1;
    session.setAttribute("visits", visits);
%><p id="port"><%= request.getLocalPort() %></p>
<p id="session"><%= session.getId() %></p>
<p id="visits"><%= visits %></p>
